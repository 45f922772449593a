"""The ways into the admin."""


def test_who_logs_in_comes_back_to_the_very_list(client):
    answer = client.get("/admin/login/", {"next": "/admin/orders/order/?q=a&status=paid"})

    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/admin/orders/order/%3Fq%3Da%26status%3Dpaid"
