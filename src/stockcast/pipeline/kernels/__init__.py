"""The processes that execute notebooks on this machine.

``local`` starts and stops the kernels of a run. A kernel begins as a process of its own
(``launcher``) or as a fork of a warm one (``forkserver``, which ``provisioner`` starts and asks).
"""
