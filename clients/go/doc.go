// Package storegate is what a client of a storegate gateway wants beside its generated stubs: a
// connection that retries reads and bounds calls, iterators over pages and streams, and errors
// with their reasons. It knows no schema; stubs of any are used with it.
package storegate
