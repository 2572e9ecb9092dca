"""The public functions, one a command: each does all that its command does, and returns a report.

A function that writes holds the data folder from its first file to its last, the data set's card among them, so that
nobody reads or writes between. Progress is passed in; without it a function is silent. Ctrl-C is a KeyboardInterrupt:
what was finished is kept, and the same call goes on from there.
"""
