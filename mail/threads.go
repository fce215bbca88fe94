package mail

// maxThreads is the most alerts in threads.
const maxThreads = 4096

// threads maps firing alerts to the mails that announced them. If there are too many, the oldest
// are removed. It is not safe for concurrent use.
type threads struct {
	mails map[string]string // alert id -> message id
	order []string          // the ids in the order in which they came, also those that were removed
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
