"""People read where they are logged in by browser and system."""

import pytest

from accounts.models.user_agents import name_device

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
AGENTS = {
    CHROME: "Chrome on Linux",
    f"{CHROME} Edg/140.0".replace("X11; Linux x86_64", "Windows NT 10.0; Win64"): "Edge on Windows",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1": "Safari on iPhone",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on macOS",
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0": "Firefox on Android",
    "curl/8.5.0": "curl/8.5.0",
    "": "Unknown device",
}


@pytest.mark.parametrize(("agent", "name"), AGENTS.items(), ids=AGENTS.values())
def test_a_device_has_a_name(agent, name):
    assert name_device(agent) == name
