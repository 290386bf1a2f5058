"""Papers (紙面): what is handed to a resident, as pages that stand alone and can be printed.

Japanese and English side by side, large type; no script, nothing from elsewhere, so that a page
tells nobody that it was opened. What comes from outside is escaped: no official's name is markup.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined

TEMPLATES = Environment(
    loader=PackageLoader("jukinet.tasks.papers", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
