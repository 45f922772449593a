"""Many clients at once, each a process of its own: `python -m tests.journeys.clients` reads JSON, writes JSON.

In: `{"url", "clients": [[request, ...], ...], "patience": seconds}`, a request being
`{"method", "path", "headers", "body"}`; a body that is text goes as a form. All clients start at one
moment and send their requests one after the other. Out: per client, per request `{"status",
"headers", "body", "at", "seconds", "tries"}`, `at` on the clock of the machine. With `patience`, who
gets no answer, 202, a 5xx or "still under way" asks the same again, for so long.
"""

import http.client
import json
import multiprocessing
import subprocess
import sys
import time
from urllib.parse import urlsplit

REST = 0.05
"""Seconds before asking again."""

fork = multiprocessing.get_context("fork")


def run(url, requests, *, clients, patience=0.0):
    """Send requests by so many clients at once; the answers in the order of the requests."""
    shares = [requests[start::clients] for start in range(clients)]
    order = {"url": url, "clients": shares, "patience": patience}
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout)
    return [answers[number % clients][number // clients] for number in range(len(requests))]


def main():
    order = json.load(sys.stdin)
    start = fork.Barrier(len(order["clients"]))
    with fork.Pool(len(order["clients"]), initializer=meet, initargs=(start,)) as pool:
        jobs = [(order["url"], requests, order["patience"]) for requests in order["clients"]]
        json.dump(pool.starmap(shop, jobs, chunksize=1), sys.stdout)


def meet(start):
    global begin  # noqa: PLW0603 - a barrier only reaches a process when it is forked
    begin = start


def shop(url, requests, patience):
    """Be one client."""
    begin.wait()
    connection = connect(url)
    return [insist(connection, request, time.monotonic() + patience) for request in requests]


def connect(url):
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)


def insist(connection, request, deadline):
    started, tries = time.monotonic(), 1
    while (answer := ask(connection, request)) is None or is_passing(answer):
        if time.monotonic() > deadline:
            break
        time.sleep(REST)
        tries += 1
    answer = answer or {"status": 0, "headers": {}, "body": ""}
    return {**answer, "at": started, "seconds": time.monotonic() - started, "tries": tries}


def ask(connection, request):
    """The answer to a request; None if there was none."""
    try:
        connection.request(request["method"], request["path"], *write(request))
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return {"status": response.status, "headers": {k.lower(): v for k, v in response.getheaders()}, "body": body}


def write(request):
    """The body and the headers of a request."""
    body = request["body"]
    if isinstance(body, str):
        return body, {"Content-Type": "application/x-www-form-urlencoded", **request["headers"]}

    return json.dumps(body), {"Content-Type": "application/json", **request["headers"]}


def is_passing(answer):
    """Whether to ask the same again is what an answer wants."""
    in_use = answer["status"] == 409 and '"idempotency-key-in-use"' in answer["body"]
    return in_use or answer["status"] == 202 or answer["status"] >= 500


if __name__ == "__main__":
    main()
