"""The tour of the README, as it is printed there, in both shapes."""

import re
import shutil
import subprocess

import pytest
from django.conf import settings

from wire.demo import product_id

pytestmark = pytest.mark.slow

SENCHA = f"/api/products/{product_id('TEA-004')}/"


def tour():
    """The commands of the tour, without the address that they are printed with."""
    text = (settings.BASE_DIR / "README.md").read_text()
    section = text.split("## Five minutes with curl")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).replace(
        "SHOP=http://localhost:${PORT:-8000}\n", ""
    )


def test_the_tour_of_the_readme_goes_as_it_says(shape):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    carol = shape.customer("carol")
    before = carol.get(SENCHA).json()

    script = f"set -euo pipefail\nSHOP={shape.url}\n{tour()}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    after = carol.get(SENCHA).json()
    carol.ask("PATCH", SENCHA, json={"price": before["price"]})

    assert done.returncode == 0, done.stderr
    statuses = re.findall(r'"status":("\w+"|\d+)', done.stdout)
    assert statuses == ['"placed"', "404", '"cancelled"', "403"]
    assert (after["price"], after["available"]) == ("9.50", before["available"])
