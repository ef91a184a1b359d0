"""The vocabulary of storewatch: instants, labels, states, column schemas and errors. Imports nothing of storewatch."""
