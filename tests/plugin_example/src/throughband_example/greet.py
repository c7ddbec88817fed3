"""A command."""


def greet(name: str) -> None:
    """Greet somebody."""
    print(f"hello {name}")  # noqa: T201
