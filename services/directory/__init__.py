"""Directory: who is who. Agencies, companies, staff, accounts, and signing in."""
