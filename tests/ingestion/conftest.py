"""The same bars and folder as the tests of prices have."""

from tests.prices.conftest import bars, files_settings, folder

__all__ = ["bars", "files_settings", "folder"]
