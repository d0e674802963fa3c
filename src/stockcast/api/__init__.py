"""The service: the library's forecasts, reports and checks over HTTP.

``app`` puts it together. A request passes ``trusted_hosts`` (which names and pages), ``access``
(who may do it, how often) and ``cached_answers`` (a cached forecast is answered here, byte by
byte), then the ``routes``. FastAPI and uvicorn install with the extra ``serve``; ``keys`` needs
neither, and nothing outside this room needs them.
"""
