package main

// groups are the parts of the table, in the order in which they are measured. The idle process
// comes first, while it is idle. Whole spans, which allocate, come before other groups have
// fragmented the heap.
var groups = []groupMaker{
	{"5. CPU of an idle monitor", makeIdle},
	{"4. Whole span: Start, six attributes, End", makeWholeSpan},
	{"1. Report", makeReport},
	{"2. Reports end to end: all counted, summaries in hand", makeEndToEnd},
	{"2. Reports at an even pace", makePaced},
	{"3. OnEnd of a real span with six attributes", makeOnEnd},
	{"3. OnEnd of failed and slow spans", makeOtherOnEnd},
	{"3. OnEnd of calls within others", makeWithin},
	{"3. OnStart and OnEnd", makeInFlight},
	{"5. Memory", makeMemory},
	{"6. Throughput and GOMAXPROCS", makeScaling},
	{"6. A full queue", makeFull},
	{"6. The end of a period", makeClose},
	{"7. Collector: a span with six attributes", makeConnectors},
}
