package main

import (
	"context"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
)

// Takes the place of containerd's manager of mounts that the kernel cannot do by itself (formatting, templates, handlers of plugins).
// Layers on overlayfs are no such mounts; for those, containerd's own says the same: that it does not handle them. It keeps a
// database, and brings text/template.
type kernelMounts struct{}

var _ mount.Manager = kernelMounts{}

func init() {
	registry.Register(&plugin.Registration{
		Type:   plugins.MountManagerPlugin,
		ID:     "kernel",
		InitFn: func(*plugin.InitContext) (any, error) { return kernelMounts{}, nil },
	})
}

// Activate leaves all mounts to who asks.
func (kernelMounts) Activate(context.Context, string, []mount.Mount, ...mount.ActivateOpt) (mount.ActivationInfo, error) {
	return mount.ActivationInfo{}, errdefs.ErrNotImplemented
}

// Deactivate knows no mounts, as none are activated.
func (kernelMounts) Deactivate(context.Context, string) error { return errdefs.ErrNotFound }

// Info knows no mounts either.
func (kernelMounts) Info(context.Context, string) (mount.ActivationInfo, error) {
	return mount.ActivationInfo{}, errdefs.ErrNotFound
}

// Update has nothing to change.
func (kernelMounts) Update(context.Context, mount.ActivationInfo, ...string) (mount.ActivationInfo, error) {
	return mount.ActivationInfo{}, errdefs.ErrNotFound
}

// List is empty.
func (kernelMounts) List(context.Context, ...string) ([]mount.ActivationInfo, error) { return nil, nil }
