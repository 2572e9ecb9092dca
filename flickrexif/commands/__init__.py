"""The public functions, one for each command: each does all that its command does, and returns a report.

A function that writes locks the data folder until its last file, often the data set's card, is written. Progress is
passed in; without it a function is silent. Ctrl-C is a KeyboardInterrupt: finished work is kept, and the same call goes
on from there.
"""
