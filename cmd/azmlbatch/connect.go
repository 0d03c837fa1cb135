package main

// connection says how the workspace is reached.
type connection struct{}
