"""The Textual stepper: panes as pure functions, one widget that paints them, one registry of commands."""
