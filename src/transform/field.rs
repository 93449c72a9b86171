//! What a field is to a gateway.
