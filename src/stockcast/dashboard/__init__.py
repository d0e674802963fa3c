"""What stakeholders look at: one ticker's products as a page, live in Voila."""
