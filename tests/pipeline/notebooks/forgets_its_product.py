# %% [markdown]
# # Forgets its product
# %% tags=["parameters"]
upstream = None
product = None
# %%
1
