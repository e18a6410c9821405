"""How fast it is: each benchmark beside a straightforward reference, which lives only here."""
