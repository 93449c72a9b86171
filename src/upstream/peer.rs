//! One upstream: its connections and its health.
