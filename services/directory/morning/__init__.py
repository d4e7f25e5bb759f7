"""The morning's e-mail: on working days each person for whom work waits is told how much, and where.

Who gets one and that nobody gets two is in sending.py, the words in message.py, the mail server in post.py, what a
person chose in wishes.py. How much waits is counted elsewhere. docs/decisions/0036-digests.md has the reasons.
"""
