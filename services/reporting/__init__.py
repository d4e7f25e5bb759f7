"""Reporting: read models of reports and cases, the indicators made of them, and the pages that show them."""
