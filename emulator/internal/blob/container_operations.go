package blob

import (
	"cmp"
	"net/http"
	"slices"
)

// find returns a container of the account.
func (a *account) find(name string) (*container, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	c, ok := a.containers[name]
	return c, ok
}

// all returns the containers of the account, by name.
func (a *account) all() []*container {
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := make([]*container, 0, len(a.containers))
	for _, c := range a.containers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y *container) int { return cmp.Compare(x.key.container, y.key.container) })
	return list
}

// create creates a container. If there is one already, it returns that and made is false.
func (a *account) create(s *Service, key containerKey, metadata map[string]string) (c *container, made bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.containers[key.container]; ok {
		return c, false, nil
	}
	r := containerRecord{Metadata: metadata}
	r.Modified, r.ETag = s.stamp()
	if err := s.store.createContainer(key, r); err != nil {
		return nil, false, err
	}
	c = newContainer(s, key, r)
	a.containers[key.container] = c
	return c, true, nil
}

// remove deletes a container unless check returns an error. It waits for running changes of its
// blobs.
func (a *account) remove(name string, check func(containerRecord) error) error {
	c, ok := a.find(name)
	if !ok {
		return errContainerNotFound()
	}
	if err := c.drop(check); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.containers, name) // there can be no other under this name yet
	return nil
}

// createContainer is Create Container.
func (r *request) createContainer(w http.ResponseWriter) error {
	metadata, err := r.metadata()
	if err != nil {
		return err
	}
	if r.header.Get("X-Ms-Blob-Public-Access") != "" {
		// Accounts do not permit public access by default. Account.PublicContainers chooses the
		// public ones.
		return newFault(409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
	}
	c, made, err := r.acct.create(r.svc, containerKey{r.accountID, r.container}, metadata)
	if err != nil {
		return err
	}
	if !made {
		return newFault(409, "ContainerAlreadyExists", "The specified container already exists.")
	}
	info := c.info()
	setChange(w.Header(), info.ETag, info.Modified)
	answerEmpty(w, http.StatusCreated)
	return nil
}

// deleteContainer is Delete Container. The name is free at once, not after half a minute as in
// Azure.
func (r *request) deleteContainer(w http.ResponseWriter) error {
	cond, err := r.conditions()
	if err != nil {
		return err
	}
	err = r.acct.remove(r.container, func(info containerRecord) error {
		if err := info.Lease.check(cond.leaseID, true, r.time, leasableContainer); err != nil {
			return err
		}
		return cond.checkState(info.ETag, info.Modified)
	})
	if err != nil {
		return err
	}
	answerEmpty(w, http.StatusAccepted)
	return nil
}

// getContainer is Get Container Properties and Get Container Metadata.
func (r *request) getContainer(w http.ResponseWriter) error {
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	info, h := c.info(), w.Header()
	if err := r.checkContainerLease(info); err != nil {
		return err
	}
	setChange(h, info.ETag, info.Modified)
	setMetadata(h, info.Metadata)
	if r.queryParam("comp") == "" {
		setLease(h, info.Lease, r.time)
		h.Set("X-Ms-Has-Immutability-Policy", "false")
		h.Set("X-Ms-Has-Legal-Hold", "false")
		h.Set("X-Ms-Immutable-Storage-With-Versioning-Enabled", "false")
		h.Set("X-Ms-Default-Encryption-Scope", defaultEncryptionScope)
		h.Set("X-Ms-Deny-Encryption-Scope-Override", "false")
		if r.settings.PublicContainers[r.container] {
			h.Set("X-Ms-Blob-Public-Access", "container")
		}
	}
	answerEmpty(w, http.StatusOK)
	return nil
}

// checkContainerLease checks the lease ID of a request that may name one but needs none: every
// request to a container but its deletion.
func (r *request) checkContainerLease(info containerRecord) error {
	id, err := r.leaseID()
	if err != nil {
		return err
	}
	return info.Lease.check(id, false, r.time, leasableContainer)
}

const defaultEncryptionScope = "$account-encryption-key"

// setContainerMetadata is Set Container Metadata.
func (r *request) setContainerMetadata(w http.ResponseWriter) error {
	metadata, err := r.metadata()
	if err != nil {
		return err
	}
	c, err := r.openContainer()
	if err != nil {
		return err
	}
	info, err := c.amend(func(next *containerRecord) error {
		if err := r.checkContainerLease(*next); err != nil {
			return err
		}
		next.Metadata = metadata
		next.Modified, next.ETag = r.svc.stamp()
		return nil
	})
	if err != nil {
		return err
	}
	setChange(w.Header(), info.ETag, info.Modified)
	answerEmpty(w, http.StatusOK)
	return nil
}
