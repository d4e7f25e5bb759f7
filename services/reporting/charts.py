"""Drawings of tables: a Vega-Lite description made of plain data, and its SVG.

The SVG has an address of its own and is shown as an image, so that its styles need no exception from the pages' content
security policy. The renderer brings a JavaScript engine (some 70 MB), so it is loaded by the first drawing only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from services.reporting.model.suppression import SMALL, WITHHELD
from services.reporting.model.tables import Cell, Row, Table

#: As in the pages' style sheet; contrast of the bars to white is 8.6 to 1.
BAR, TEXT, LINE = "#12545b", "#0b0c0c", "#cfd8d7"
WIDTH, ROW_HEIGHT = 760, 80
#: What stands in a chart and a table where a number is hidden.
SIGNS = {SMALL: "<5", WITHHELD: "*"}

_lock = threading.Lock()


def describe(table: Table, place_name: Callable[[str], str], month_name: Callable[[str], str]) -> dict[str, Any]:
    """The Vega-Lite description: a small chart of bars per kecamatan, one above the other, on the same scale.

    A hidden number has no bar but its sign. A city without any number gives empty axes.
    """
    values = [
        {
            "place": place_name(row.kecamatan),
            "month": month_name(month),
            "value": cell.value or 0,
            "sign": SIGNS.get(cell.mark, ""),
        }
        for row in table.rows
        for month, cell in zip(table.months, row.cells, strict=True)
    ]
    order = [month_name(month) for month in table.months]
    x = {"field": "month", "type": "ordinal", "sort": order, "title": None, "axis": {"labelAngle": -60, "ticks": False}}
    top = max(1, *(entry["value"] for entry in values)) if values else 1
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, top], "nice": True},
        "axis": {"tickMinStep": 1, "tickCount": 3, "gridColor": LINE},
    }
    return {
        "data": {"values": values},
        "facet": {
            "row": {
                "field": "place",
                "type": "nominal",
                "sort": [place_name(row.kecamatan) for row in table.rows],
                "title": None,
                "header": {"labelAngle": 0, "labelAlign": "left", "labelFontSize": 12},
            }
        },
        "spec": {
            "width": WIDTH,
            "height": ROW_HEIGHT,
            "layer": [
                {"mark": {"type": "bar", "color": BAR}, "encoding": {"x": x, "y": y}},
                {
                    "mark": {"type": "text", "baseline": "bottom", "dy": -2, "color": TEXT, "fontSize": 10},
                    "encoding": {"x": x, "y": {"datum": 0}, "text": {"field": "sign"}},
                },
            ],
        },
        "config": {
            "font": "system-ui, Segoe UI, Roboto, Noto Sans, Liberation Sans, Arial, sans-serif",
            "background": "white",
            "view": {"stroke": None},
            "axis": {"labelColor": TEXT, "labelFontSize": 11, "domainColor": LINE},
            "header": {"labelColor": TEXT},
        },
    }


def svg(description: dict[str, Any]) -> str:
    """The SVG of a description. The same description is drawn once."""
    return _drawn(json.dumps(description, sort_keys=True))


@lru_cache(maxsize=64)
def _drawn(description: str) -> str:
    # Imported here: see the module's first lines. The engine draws one at a time anyway.
    import vl_convert

    with _lock:
        drawing: str = vl_convert.vegalite_to_svg(description, allowed_base_urls=[])
    return drawing


def highest(table: Table) -> tuple[Row, str, Cell] | None:
    """The row, month and cell with the highest number that is shown, for the chart's description in words; None if all
    are zero or hidden."""
    shown = [
        (row, month, cell)
        for row in table.rows
        for month, cell in zip(table.months, row.cells, strict=True)
        if cell.value
    ]
    return max(shown, key=lambda entry: entry[2].value or 0, default=None)
