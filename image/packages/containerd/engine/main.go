// The container engine of a node: containerd's server with the plugins that plugins.go names.
//
// containerd's own program (its package cmd/containerd) brings every plugin and a command line with it. What is not compiled in costs
// no space, no memory and no time at each start, and cannot be attacked. Nothing here and in the plugins may use text/template, which
// calls methods by name: the linker then keeps every method of every type, a sixth of the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/containerd/containerd/v2/cmd/containerd/server"
	srvconfig "github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/version"
	"github.com/containerd/log"
	"github.com/coreos/go-systemd/v22/daemon"
)

func main() {
	path := flag.String("config", "/usr/share/containerd/config.toml", "path of the configuration `file`")
	flag.Parse()
	if err := run(*path); err != nil {
		fmt.Fprintf(os.Stderr, "containerd: %s\n", err)
		os.Exit(1)
	}
}

// Serves until it is told to end.
func run(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// Its output may be gone for a moment. Not ignored, which containers would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	config, err := prepare(ctx, path)
	if err != nil {
		return err
	}
	log.G(ctx).WithField("version", version.Version).Info("starting containerd")
	engine, err := start(ctx, config)
	if engine == nil {
		return err
	}
	tell(ctx, daemon.SdNotifyReady)
	<-ctx.Done()
	tell(ctx, daemon.SdNotifyStopping)
	engine.Stop()
	return nil
}

// Reads the configuration and makes what the server counts on.
func prepare(ctx context.Context, path string) (*srvconfig.Config, error) {
	config := &srvconfig.Config{Version: version.ConfigVersion}
	if err := srvconfig.LoadConfig(ctx, path, config); err != nil {
		return nil, err
	}
	if err := log.SetFormat(log.TextFormat); err != nil {
		return nil, err
	}
	if err := server.CreateTopLevelDirectories(config); err != nil {
		return nil, err
	}
	if err := mount.SetTempMountLocation(filepath.Join(config.Root, "tmpmounts")); err != nil {
		return nil, err
	}
	// Of an engine that was killed. One that cannot be taken away is in nobody's way.
	warnings, err := mount.CleanupTempMounts(0)
	for _, warning := range append(warnings, err) {
		if warning != nil {
			log.G(ctx).WithError(warning).Warn("a temporary mount is left over")
		}
	}
	return config, nil
}

// A server that answers; none if it was told to end before. Opening a database waits for who has it open, without an end, so it is
// not waited for here.
func start(ctx context.Context, config *srvconfig.Config) (*server.Server, error) {
	type result struct {
		server *server.Server
		err    error
	}
	done := make(chan result, 1)
	go func() {
		made, err := server.New(ctx, config)
		if err == nil {
			err = made.Start(ctx)
		}
		if err == nil {
			made.Wait()
		}
		done <- result{made, err}
	}()
	select {
	case <-ctx.Done():
		return nil, nil
	case result := <-done:
		if result.err != nil {
			return nil, result.err
		}
		return result.server, nil
	}
}

// Tells init.
func tell(ctx context.Context, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.G(ctx).WithError(err).Warn("cannot tell init: " + state)
	}
}
