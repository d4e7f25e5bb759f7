"""cases: from a report to a case, and the first step of its way. It keeps the deadline of that step."""
