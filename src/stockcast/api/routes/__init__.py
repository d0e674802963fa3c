"""The endpoints, one module per concern; each makes a router for the service it is given."""
