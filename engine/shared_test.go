package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestShareFalseClaims draws calls of which nothing tells the bad ones from the good ones: at most one in
// a hundred comparisons may claim that something does.
func TestShareFalseClaims(t *testing.T) {
	const draws = 4000
	random := rand.New(rand.NewPCG(1, 2))
	claims := 0
	for range draws {
		bad, good := 3+random.IntN(maxCompared), 3+random.IntN(maxCompared)
		if len(findShared(drawCalls(random, bad, nil), drawCalls(random, good, nil))) > 0 {
			claims++
		}
	}
	t.Logf("%d false claims in %d comparisons (%.2f %%)", claims, draws, 100*float64(claims)/draws)
	if claims > draws/100 {
		t.Errorf("%d of %d comparisons claim what is not so", claims, draws)
	}
}

// TestShareFindsPlantedCause plants a cause that explains most of the bad calls.
func TestShareFindsPlantedCause(t *testing.T) {
	const draws = 2000
	random := rand.New(rand.NewPCG(3, 4))
	found, right := 0, 0
	for range draws {
		tenant := fmt.Sprintf("t%d", random.IntN(8))
		bad := drawCalls(random, 20+random.IntN(44), func(set map[string]string) {
			if random.Float64() < 0.9 {
				set["tenant.id"] = tenant
			}
		})
		shared := findShared(bad, drawCalls(random, 40+random.IntN(24), nil))
		if len(shared) == 0 {
			continue
		}
		found++
		if shared[0].Attributes[0] == (Attribute{"tenant.id", tenant}) {
			right++
		}
	}
	t.Logf("found %.1f %%, right %.2f %% of those", 100*float64(found)/draws, 100*float64(right)/float64(found))
	if found < draws*99/100 || right < found*99/100 {
		t.Errorf("found %d of %d, right are %d", found, draws, right)
	}
}

func TestShareBound(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	size := func(least, most int) func(map[string]string) {
		return func(set map[string]string) {
			set["http.request.body.size"] = fmt.Sprint(least + random.IntN(most-least))
		}
	}
	shared := findShared(drawCalls(random, 30, size(1<<20, 9<<20)), drawCalls(random, 60, size(0, 1<<20)))
	if len(shared) == 0 || !shared[0].Above || shared[0].Attributes[0].Key != "http.request.body.size" || shared[0].BadRatio != 1 {
		t.Fatalf("got %+v", shared)
	}
}

func TestShareTwoThatComeTogetherAreOne(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	on := func(pod, version string) func(map[string]string) {
		return func(set map[string]string) { set["k8s.pod.name"], set["service.version"] = pod, version }
	}
	shared := findShared(drawCalls(random, 20, on("shop-7f9", "1.4.2")), drawCalls(random, 40, on("shop-111", "1.4.1")))
	if len(shared) != 1 || len(shared[0].Attributes) != 2 {
		t.Fatalf("got %+v", shared)
	}
	if got, want := shared[0].String(), "all have k8s.pod.name=shop-7f9, service.version=1.4.2 (0 % of the others)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestShareCountsTraces compares one call of each trace: fifty failures of one trace are one.
func TestShareCountsTraces(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	bad := drawCalls(random, 50, func(set map[string]string) { set["tenant.id"] = "acme" })
	for i := range bad {
		bad[i].trace = [16]byte{1}
	}
	if shared := findShared(bad, drawCalls(random, 60, nil)); shared != nil {
		t.Errorf("got %+v", shared)
	}
}

// TestFisher holds the test against the tea-tasting of Fisher's own book, and against sums of the definition.
func TestFisher(t *testing.T) {
	if got, want := newFisher(4, 4).p(3, 1), 17.0/70; math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v, want %v", got, want)
	}
	f := newFisher(7, 11)
	for have := range 19 {
		if most := min(have, 7); f.p(max(0, have-11), have-max(0, have-11)) < 1-1e-9 {
			t.Errorf("%d of %d: the least is not certain", have, most)
		}
	}
}

// drawCalls draws calls with attributes that have nothing to do with how they end, and lets
// plant set others.
func drawCalls(random *rand.Rand, n int, plant func(map[string]string)) []comparedCall {
	calls := make([]comparedCall, n)
	for i := range calls {
		set := map[string]string{
			"http.request.method":    []string{"GET", "POST"}[random.IntN(2)],
			"tenant.id":              fmt.Sprintf("t%d", random.IntN(8)),
			"k8s.pod.name":           fmt.Sprintf("shop-%d", random.IntN(3)),
			"user.id":                fmt.Sprint(random.IntN(100000)),
			"http.request.body.size": fmt.Sprint(int(math.Exp(random.NormFloat64()*2 + 7))),
			"service.version":        "1.4.2",
			"cloud.region":           []string{"eu", "eu", "eu", "us"}[random.IntN(4)],
			"network.protocol":       []string{"1.1", "2"}[random.IntN(2)],
		}
		if plant != nil {
			plant(set)
		}
		d := new(Details)
		for _, key := range []string{"cloud.region", "http.request.body.size", "http.request.method", "k8s.pod.name", "network.protocol", "service.version", "tenant.id", "user.id"} {
			d.Attributes = append(d.Attributes, Attribute{key, set[key]})
		}
		calls[i] = comparedCall{trace: [16]byte{byte(i), byte(i >> 8), 1, byte(random.IntN(256)), byte(random.IntN(256))}, details: d}
	}
	return calls
}
