"""Time that passes when a test says so."""


class Clock:
    """The monotonic clock of what is kept fresh; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds
