"""TLS as far as it shows without keys: versions and names of the hellos."""
