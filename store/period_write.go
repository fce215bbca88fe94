package store

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// periodWrite is a period on its way into a database.
type periodWrite struct {
	period     rows // one
	operations rows
	of         *engine.Period
}

func newPeriodWrite(p *engine.Period, instance string) (*periodWrite, error) {
	period, err := periodRow(p, instance)
	if err != nil {
		return nil, err
	}
	operations, err := operationRows(p, time.Now())
	if err != nil {
		return nil, err
	}
	return &periodWrite{period: period, operations: operations, of: p}, nil
}

// tables returns the rows that hold the id which the database gave to the period.
func (w *periodWrite) tables(periodID int64) ([]rows, error) { return summaryRows(w.of, periodID) }
