"""A run as a drawing: how long cases stay in each stage, and how many wait for somebody as time goes on.

A Vega-Lite description of plain data, and its SVG.
"""

from __future__ import annotations

from typing import Any

from services.cases.simulation.result import Result

BAR, LONG, TEXT = "#12545b", "#b7d3d3", "#0b0c0c"
WIDTH, BAR_HEIGHT, LINES_HEIGHT = 560, 34, 200
SHOWN = 4
"""How many queues are drawn: the longest."""


def describe(result: Result, lang: str = "en") -> dict[str, Any]:
    """The description. A run in which nobody waited has an empty second part."""
    return {
        "vconcat": [_stages(result, lang), _queues(result, lang)],
        "config": {
            "font": "system-ui, Segoe UI, Roboto, Noto Sans, Liberation Sans, Arial, sans-serif",
            "background": "white",
            "view": {"stroke": None},
            "axis": {"labelColor": TEXT, "labelFontSize": 12, "titleColor": TEXT},
        },
    }


def svg(result: Result, lang: str = "en") -> str:
    """The drawing; the same run gives the same bytes."""
    # Imported here: the renderer brings a JavaScript engine.
    import vl_convert

    drawing: str = vl_convert.vegalite_to_svg(describe(result, lang), allowed_base_urls=[])
    return drawing


def _stages(result: Result, lang: str) -> dict[str, Any]:
    rows = [
        {
            "stage": result.definition.stages[row["stage"]].names[lang],
            "median": row["stayed_median"] or 0,
            "p90": row["stayed_p90"] or 0,
        }
        for row in result.stages()
    ]
    y = {"field": "stage", "type": "nominal", "sort": [row["stage"] for row in rows], "title": None}
    title = "Working days in the stage: half of the cases (dark), nine in ten (light)"

    def bar(name: str, color: str) -> dict[str, Any]:
        x = {"field": name, "type": "quantitative", "title": title}
        return {"mark": {"type": "bar", "color": color}, "encoding": {"y": y, "x": x}}

    return {
        "width": WIDTH,
        "height": {"step": BAR_HEIGHT},
        "data": {"values": rows},
        "layer": [bar("p90", LONG), bar("median", BAR)],
    }


def _queues(result: Result, lang: str) -> dict[str, Any]:
    longest = sorted(result.queues, key=lambda name: (-max(result.queues[name], default=0), name))[:SHOWN]
    kinds = result.definition.referrals
    values = [
        {
            "day": day.isoformat(),
            "who": kinds[name].names[lang] if name in kinds else name.replace("_", " "),
            "waiting": waiting,
        }
        for name in longest
        for day, waiting in zip(result.days, result.queues[name], strict=True)
        if any(result.queues[name])
    ]
    y = {"field": "waiting", "type": "quantitative", "title": "Waiting at noon", "axis": {"tickMinStep": 1}}
    encoding = {
        # In UTC, or the drawing would differ with the zone of the machine.
        "x": {"field": "day", "type": "temporal", "title": None, "scale": {"type": "utc"}},
        "y": y,
        "color": {"field": "who", "type": "nominal", "title": "Waiting for"},
        "strokeDash": {"field": "who", "type": "nominal", "title": "Waiting for"},
    }
    return {
        "width": WIDTH,
        "height": LINES_HEIGHT,
        "data": {"values": values},
        "mark": {"type": "line", "interpolate": "step"},
        "encoding": encoding,
    }
