// Package check ends the program with a message when what it claims does not hold.
package check

import (
	"fmt"
	"os"
	"reflect"
	"time"
)

// Patience bounds every wait of the programs: long enough for a busy machine.
const Patience = 60 * time.Second

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// That fails with what was claimed unless ok.
func That(ok bool, claim string, args ...any) {
	if !ok {
		fail("not so: "+claim, args...)
	}
}

// Equal fails unless got is want, element by element. What was compared is what, its parts put together.
func Equal(got, want any, what ...any) {
	if !reflect.DeepEqual(got, want) {
		fail("%s: got %v, want %v", fmt.Sprint(what...), got, want)
	}
}

// Fine fails if there is an error.
func Fine(err error, what ...any) {
	if err != nil {
		fail("%s: %v", fmt.Sprint(what...), err)
	}
}

// Must is the value of a call that may not fail.
func Must[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

// Eventually fails unless the condition holds in time.
func Eventually(claim string, condition func() bool) {
	for deadline := time.Now().Add(Patience); !condition(); time.Sleep(20 * time.Millisecond) {
		That(time.Now().Before(deadline), "in time: %s", claim)
	}
}

var began = time.Now()

// Step names what is checked now, so that a hang or a panic has a place.
func Step(name string) { fmt.Printf("-- %5.1f s %s\n", time.Since(began).Seconds(), name) }
