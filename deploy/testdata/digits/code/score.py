import os


def init():
    pass


def run(mini_batch):
    return [f"{os.path.basename(name)} {os.path.getsize(name)}" for name in mini_batch]
