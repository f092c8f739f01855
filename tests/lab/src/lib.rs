//! Laptop, home, café, tunnel and server in network namespaces.
