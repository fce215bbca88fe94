package main

// reporter2018 is the part of the library of 2018 that is measured.
type reporter2018 interface {
	Report(name string, ms uint32, code int)
}

// who2018 is its name in the table.
const who2018 = "go-monitor (2018)"

// open2018 starts a client of the library of 2018 with its default channel and its
// longest period. counted, if it is not nil, is called by the client's one collecting
// goroutine for each report, instead of the look-up of the status code. open2018 is nil when
// the library is not built in. A client cannot be ended.
var open2018 func(counted func()) reporter2018

// report2018Each is [reportEach] for the library of 2018. It waits when the channel is full.
func report2018Each(c reporter2018, names []string) func(producer, from, to int) {
	return func(producer, from, to int) {
		at := start(producer, from, len(names))
		for i := from; i < to; i++ {
			c.Report(names[at], milliseconds[i&latencyMask], 200)
			if at++; at == len(names) {
				at = 0
			}
		}
	}
}
