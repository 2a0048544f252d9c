"""Payload to events, one module a source. Pure: nothing here touches the store, the clock or the network."""
