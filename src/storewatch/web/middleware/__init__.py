"""The middleware around the routes: one file each, all added here."""

from fastapi import FastAPI

from storewatch.web.middleware.access import AccessMiddleware
from storewatch.web.middleware.audit import AuditMiddleware
from storewatch.web.middleware.body_limits import BodyLimitMiddleware
from storewatch.web.middleware.compression import add_compression
from storewatch.web.middleware.cors import CorsMiddleware
from storewatch.web.middleware.heads import HeadMiddleware
from storewatch.web.middleware.old_spellings import OldSpellingMiddleware
from storewatch.web.middleware.paths import PathMiddleware
from storewatch.web.middleware.request_log import RequestLogMiddleware
from storewatch.web.middleware.security_headers import SecurityHeadersMiddleware
from storewatch.web.middleware.time_limit import TimeLimitMiddleware


def add_middleware(service: FastAPI) -> None:
    """Add every middleware to the service. A request passes the middleware in the reverse order of adding.

    The order: log, headers, path, compression, CORS, access, old spellings, audit, time limit, body limit, HEAD, route.
    So a request is refused before its body is read, and every answer has a request id, headers and a log line.
    """
    service.add_middleware(HeadMiddleware)
    service.add_middleware(BodyLimitMiddleware)
    service.add_middleware(TimeLimitMiddleware)
    service.add_middleware(AuditMiddleware)
    service.add_middleware(OldSpellingMiddleware)
    service.add_middleware(AccessMiddleware)
    service.add_middleware(CorsMiddleware)
    add_compression(service)
    service.add_middleware(PathMiddleware)
    service.add_middleware(SecurityHeadersMiddleware)
    service.add_middleware(RequestLogMiddleware)
