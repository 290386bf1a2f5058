"""Work (処理待ち): what waits for a clerk or for another town."""

from jukinet.names.display import display_name
from jukinet.numbers.municipality_code import MunicipalityCode, municipality
from jukinet.register import book, transfers
from jukinet.register.book import HOUSEHOLDS
from jukinet.web.desk.search import node_of, town_name
from jukinet.web.routes import Routes
from jukinet.web.visit import Page, Reply, Role, Visit

routes = Routes()

_NO_HEAD = HOUSEHOLDS.query(
    HOUSEHOLDS.table.c.head_due != "", order_by=[HOUSEHOLDS.table.c.head_due]
)


@routes.get("/desk/work", Role.CLERK)
def work(visit: Visit) -> Reply:
    """People who are expected, moves that are overdue, households without a head."""
    node = node_of(visit)
    with node.store.begin() as tx:
        coming = [(row, transfers.content_of(row)) for row in transfers.all_waiting(tx)]
        going = [kept.record for kept in book.due(tx, visit.today)]
        headless = _NO_HEAD.all(tx)
    return Page(
        "desk/work.html",
        {
            "coming": [
                (display_name(said.name.legal), _name(row.town), said.planned_on)
                for row, said in coming
            ],
            "going": going,
            "headless": headless,
            "aside": node.set_aside,
            "town": town_name(visit),
        },
    )


def _name(town: str) -> str:
    return municipality(MunicipalityCode(town)).full_name
