"""Portal (本人の窓)."""

from jukinet.web.routes import Routes

routes = Routes()
