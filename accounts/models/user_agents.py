"""A readable name of a device, from its User-Agent (RFC 9110 10.1.5)."""

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


def name_device(agent: str) -> str:
    """`Firefox on Linux`; for what is no browser, the first word of what it says, such as `curl/8.5`."""
    browser = next((name for mark, name in BROWSERS.items() if f"{mark}/" in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"

    return agent.split(" ", maxsplit=1)[0] or "Unknown device"
