"""The finished run that the tests of whole runs share."""

from tests.endtoend.conftest import finished

__all__ = ["finished"]
