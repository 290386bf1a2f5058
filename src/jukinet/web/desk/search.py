"""Desk (窓口)."""

from jukinet.web.routes import Routes

routes = Routes()
