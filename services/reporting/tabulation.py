"""From a question to the one result: an indicator's table for an actor, and how current it is.

API, page and chart all ask here, so that they cannot disagree and none forgets to hide small numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.reporting import freshness, store
from services.reporting.freshness import Freshness
from services.reporting.model import tables
from services.reporting.model.indicators import Indicator, indicators
from services.reporting.model.tables import Cell, Row, Table
from shared import domain
from shared.access import Actor, may
from shared.domain.working_time import wib_date
from shared.foundation import Foundation
from shared.web import Problem


@dataclass(frozen=True)
class Result:
    """A table and how current it is."""

    table: Table
    freshness: Freshness
    demonstration: bool

    def as_dict(self) -> dict[str, Any]:
        """The result in the form of schemas.ShownTable."""
        table = self.table
        return {
            "indicator": table.indicator,
            "months": table.months,
            "rows": [_row(row) for row in table.rows],
            "totals": [_cell(cell) for cell in table.totals],
            "total": _cell(table.total),
            "exact": table.exact,
            "demonstration": self.demonstration,
            "as_of": self.freshness.as_of,
            "freshness": self.freshness,
        }


def indicator(identifier: str) -> Indicator:
    """The indicator with this id. Raises Problem 404."""
    found = indicators().get(identifier)
    if found is None:
        raise Problem(404, "not_found")
    return found


def this_month(moment: datetime) -> str:
    """The month of a moment in WIB."""
    return wib_date(moment).isoformat()[:7]


def default_period(foundation: Foundation) -> tuple[str, str]:
    """This calendar year up to now: a whole protected year, so that its totals can be shown to everybody."""
    month = this_month(foundation.clock())
    return f"{month[:4]}-01", month


class Tabulation:
    """The tables of one request: freshness is asked once, before anything is counted."""

    def __init__(self, foundation: Foundation, actor: Actor) -> None:
        self._foundation = foundation
        self._exact = may(actor, "indicator.read_exact").allowed
        self._counts: dict[tuple[str, str], tables.Counts] = {}
        self.freshness = freshness.freshness(foundation)

    def table(self, wanted: Indicator, period: tuple[str, str], kecamatan: str | None = None) -> Result:
        """The table of an indicator for a period (first and last month), or for one kecamatan of it."""
        settings, years = self._foundation.settings, tables.years_of(*period)
        if years not in self._counts:
            self._counts[years] = store.counts(self._foundation.database, settings.demonstration, years)
        table = tables.build(
            wanted,
            self._counts[years],
            list(domain.kecamatans()),
            period,
            exact=self._exact,
            this_month=this_month(self._foundation.clock()),
            kecamatan=kecamatan,
        )
        return Result(table, self.freshness, settings.demonstration)

    def figure(self, wanted: Indicator, period: tuple[str, str]) -> Cell:
        """One figure for the city: over the period, or over all months for an indicator of a state of now."""
        whole = wanted.time == "now" and self.freshness.span
        return self.table(wanted, whole or period).table.total


def place_name(code: str) -> str:
    """The name of a kecamatan; its code where another city's or a newer one turns up."""
    found = domain.kecamatans().get(code)
    return found.name if found else code


def _row(row: Row) -> dict[str, Any]:
    return {
        "kecamatan": {"code": row.kecamatan, "name": place_name(row.kecamatan)},
        "cells": [_cell(cell) for cell in row.cells],
        "total": _cell(row.total),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "value": cell.value,
        "suppressed": cell.mark or None,
        "numerator": cell.numerator,
        "denominator": cell.denominator,
    }
