package mail

// maxThreads is the number of alerts of which it is known which mail announced them.
const maxThreads = 4096

// threads knows which mail said that an alert fires, for as many alerts as fit; the oldest
// give way. It has no locks.
type threads struct {
	mails map[string]string // alert id -> message id
	order []string          // the ids in the order in which they came, some of them gone
}

// began notes which mail announced an alert.
func (t *threads) began(alert, message string) {
	if t.mails == nil {
		t.mails = make(map[string]string)
	}
	if _, known := t.mails[alert]; known {
		return
	}
	t.mails[alert] = message
	t.order = append(t.order, alert)
	for len(t.mails) > maxThreads || len(t.order) > 2*maxThreads {
		delete(t.mails, t.order[0])
		t.order = t.order[1:]
	}
}

// ended forgets an alert.
func (t *threads) ended(alert string) { delete(t.mails, alert) }
