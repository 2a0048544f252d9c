"""The report of a month: its numbers and what they lack, its incidents, and what is owed for them."""
