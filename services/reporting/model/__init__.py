"""The pure core of reporting: what events say (facts), what is counted (indicators), what is shown (tables) and what is
not (suppression).

No database, no web, no Kafka.
"""
