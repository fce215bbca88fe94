package alert

// trouble is what an operation goes through from a bad verdict on, until the good ones have
// caught up with the bad ones. An alert fires once the bad ones are ahead by [leadToFire]: so
// where more than half of the periods are bad, one fires, though no N of them are in a row.
type trouble struct {
	// lead is by how many the bad verdicts outnumber the good ones.
	lead int
	bad  run // the bad verdicts before the streak
	good int // the periods of the good ones
}

// leadToFire returns the lead that it takes to fire, for N. N bad verdicts in a row are a lead of
// N, and more than that must be asked of any others.
func leadToFire(n int) int { return 2*n - 1 }

// minus returns t after a good verdict on that many periods, which ends a streak of bad ones.
func (t trouble) minus(k ObjectiveKind, streak run, periods int) trouble {
	if t.lead <= 1 {
		return trouble{}
	}
	return trouble{lead: t.lead - 1, bad: t.bad.plus(k, streak), good: t.good + periods}
}
