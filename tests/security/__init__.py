"""The twenty tests of what guards a name, by their numbers: one file for each subject."""
