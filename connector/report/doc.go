// Package report writes what was achieved in a time: per service and operation the SLO, how
// much of the error budget is left, and the incidents, from the store.
package report
