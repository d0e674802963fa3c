"""The service: the library's forecasts, reports and checks over HTTP.

``app`` puts it together. A request passes ``guard`` (who may do it, how often), then ``fastlane``
(a cached forecast is answered here, byte by byte), then the ``routes``. FastAPI and uvicorn install
with the extra ``serve``; ``keys`` needs neither, and nothing outside this room needs them.
"""
