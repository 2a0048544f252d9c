"""What a document is held to, a group of rules in each module; `service.postmortems.catalogue` lists them all."""
