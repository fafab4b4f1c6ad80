import{Fa as n,Ma as v,b as g,c as p,g as u,h,n as d,o as m}from"./chunk-UMTCUHV3.js";var y=["all","funnel","cohort","goal"];function k({order:t,set:e,Choice:r}){let{group:l}=t,s=y.filter(o=>o!=="cohort"||!t.every),a=o=>e({group:o,users:_[o]}),$=o=>e({users:{...t.users,...o}}),c={users:t.users,change:$,Choice:r};return u`<div class="fields">
    <${r} label=${n("groupField")} value=${l} options=${s.map(o=>[o,n(`group_${o}`)])} choose=${a} />
    ${l==="funnel"&&u`<${w} ...${c} />`}
    ${l==="cohort"&&u`<${S} ...${c} />`}
    ${l==="goal"&&u`<${x} ...${c} />`}
  </div>`}function F(){let t=(new Date(d()).getUTCDay()+6)%7;return m(d(),-t-7)}var _={all:{},funnel:{funnel:"",step:"1",reached:"true"},cohort:{cohort:F(),unit:"week",offset:"0"},goal:{goal:"",exposure_type:"",variant_property:"payload.variant",variant:"",converted:""}},i=({label:t,name:e,type:r="text",placeholder:l,users:s,change:a})=>u`<label class="field">${t}<input
  type=${r} required min=${r==="number"?0:void 0} value=${s[e]} placeholder=${l}
  onInput=${$=>a({[e]:$.target.value.trim()})} /></label>`;function b(t,e){let[r,l]=g(null);return p(()=>{let s=new AbortController;return v(`${t}?site=${encodeURIComponent(h)}`,s.signal).then(a=>l(e(a)),()=>{}),()=>s.abort()},[]),r}function w({users:t,change:e,Choice:r}){let l=b("../v1/funnels/",o=>o.data),s=l?.find(o=>o.id===t.funnel)?.steps??[],a=Number(t.step)>=s.length,$=l?.[0]?.id;p(()=>{$&&!t.funnel&&e({funnel:$})},[$]);let c=o=>e({step:o,reached:"true"});return l?.length===0?u`<p class="muted wide">${n("groupNoFunnel")}</p>`:u`
    <${r} label=${n("groupFunnel")} value=${t.funnel} options=${(l??[]).map(o=>[o.id,o.name])}
      choose=${o=>e({funnel:o,step:"1",reached:"true"})} />
    <${r} label=${n("groupStep")} value=${t.step} choose=${c}
      options=${s.map((o,f)=>[String(f+1),`${f+1}. ${o.name||Object.values(o.condition)[0]||""}`])} />
    <${r} label=${n("groupReached")} value=${t.reached} isOff=${a}
      options=${[["true",n("reached_true")],["dropped",n("reached_dropped")]]}
      choose=${o=>e({reached:o})} />`}function S({Choice:t,...e}){let r=["day","week","month"].map(l=>[l,n(l+"Unit")]);return u`<${i} label=${n("groupCohort")} name="cohort" type="date" ...${e} />
    <${t} label=${n("groupUnit")} value=${e.users.unit} options=${r}
      choose=${l=>e.change({unit:l})} />
    <${i} label=${n("groupOffset")} name="offset" type="number" ...${e} />`}function x({Choice:t,...e}){let r=b("goals",a=>a.goals)??[],l=[["",n("converted_")],["true",n("converted_true")],["false",n("converted_false")]],s=r[0]?.id;return p(()=>{s&&!e.users.goal&&e.change({goal:s})},[s]),u`
    ${r.length?u`<${t} label=${n("goal")} value=${e.users.goal} options=${r.map(a=>[a.id,a.name])}
          choose=${a=>e.change({goal:a})} />`:u`<${i} label=${n("groupGoal")} name="goal" placeholder="order" ...${e} />`}
    <${i} label=${n("groupExposure")} name="exposure_type" placeholder="experiment_viewed" ...${e} />
    <${i} label=${n("groupProperty")} name="variant_property" placeholder="payload.variant" ...${e} />
    <${i} label=${n("groupVariant")} name="variant" placeholder="b" ...${e} />
    <${t} label=${n("groupConverted")} value=${e.users.converted} options=${l}
      choose=${a=>e.change({converted:a})} />`}export{k as GroupFields};
